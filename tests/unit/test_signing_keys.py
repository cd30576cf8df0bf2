"""The house's Ed25519 keys: made once, readable by their owner alone, and every one of them still checks what it signed."""

import base64
import json
import multiprocessing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auction.signing.house_keys import HouseKeys
from auction.signing.key_files import KeyFileError, key_files
from auction.signing.public_keys import KeysMalformed, PublicKeys


def put_key(folder: Path, from_ms: int, *, is_public: bool = False) -> None:
    key = Ed25519PrivateKey.generate()
    text = (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if is_public
        else key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / f"signing-{from_ms}.pem").write_bytes(text)


def test_the_first_start_makes_a_key_that_later_starts_use(tmp_path: Path):
    folder = tmp_path / "data" / "keys"
    first = HouseKeys.load_or_create(folder)

    assert HouseKeys.load_or_create(folder).published() == first.published()
    assert [path.name for path in folder.iterdir()] == ["signing-0.pem"]
    assert (folder / "signing-0.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in repr(first.key_at(0))


def kid_at_start(folder: Path) -> str:
    return HouseKeys.load_or_create(folder).key_at(0).kid


def test_processes_that_start_together_have_one_key(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        kids = pool.map(kid_at_start, [tmp_path / "keys"] * 8)
    assert len(set(kids)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing-0.pem"]


def test_what_happened_at_a_time_is_signed_with_the_key_of_that_time(tmp_path: Path):
    before = HouseKeys.load_or_create(tmp_path)
    put_key(tmp_path, 5_000)
    after = HouseKeys.load_or_create(tmp_path)

    assert after.key_at(4_999).kid == before.key_at(9_999).kid
    assert after.key_at(5_000).kid not in before.public
    assert [key["from_ms"] for key in after.published()] == [0, 5_000]
    signature = before.key_at(0).sign(b"a statement")
    assert after.key_at(0).sign(b"a statement") == signature
    assert after.public.verify(after.key_at(0).kid, signature, b"a statement")
    assert not after.public.verify(after.key_at(0).kid, signature, b"another statement")
    assert not after.public.verify(after.key_at(5_000).kid, signature, b"a statement")
    assert not before.public.verify(after.key_at(5_000).kid, signature, b"a statement")


def test_of_a_key_that_was_taken_out_of_use_the_public_part_is_enough(tmp_path: Path):
    put_key(tmp_path, 0, is_public=True)
    with pytest.raises(KeyFileError, match="public keys alone"):
        HouseKeys.load_or_create(tmp_path)
    put_key(tmp_path, 7)
    keys = HouseKeys.load_or_create(tmp_path)
    assert len(keys.published()) == 2
    assert keys.key_at(3).from_ms == 7


def test_a_file_that_is_no_such_key_is_named(tmp_path: Path):
    path = tmp_path / "signing-0.pem"
    path.write_text("no key")
    with pytest.raises(KeyFileError, match=r"signing-0\.pem must be an Ed25519 key in PEM"):
        HouseKeys.load_or_create(tmp_path)
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="of another kind"):
        HouseKeys.load_or_create(tmp_path)
    with pytest.raises(KeyFileError, match="cannot be used: Not a directory"):
        HouseKeys.load_or_create(path / "keys")
    assert key_files(tmp_path / "nowhere") == []


def test_the_published_list_is_enough_to_check_and_its_ids_are_thumbprints():
    keys = HouseKeys.transient()
    (listed,) = keys.published()
    public = PublicKeys.parse(json.dumps({"keys": [{"kty": "RSA"}, listed]}).encode())

    assert public.verify(listed["kid"], keys.key_at(0).sign(b"x"), b"x")
    members = json.dumps({name: listed[name] for name in ("crv", "kty", "x")}, sort_keys=True, separators=(",", ":"))
    thumbprint = base64.urlsafe_b64encode(sha256(members.encode()).digest()).decode()
    assert listed["kid"] == thumbprint[:16]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [1]}', b'{"keys": [{"crv": "Ed25519", "x": "AA"}]}', b"\xff"],
)
def test_a_list_that_is_none_is_refused(text: bytes):
    with pytest.raises(KeysMalformed):
        PublicKeys.parse(text)
