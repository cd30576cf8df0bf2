// Where pages lead: to pages of this site alone, whatever an address asks for.

/** The page of this site that an address names, as a path with query and fragment; the start page for any other. */
export function ownPage(address, origin = location.origin) {
  let url;
  try {
    // read as the browser reads it when it goes there: it drops tabs and line ends, and takes \ for /
    url = new URL(address ?? "/", origin);
  } catch {
    return "/";
  }
  // a path that begins with two slashes would be read as a host the next time
  if (url.origin !== origin || url.pathname.startsWith("//")) return "/";
  return url.pathname + url.search + url.hash;
}

/** Leave for a page of this site. */
export function goTo(address) {
  location.assign(ownPage(address));
}

/** The address of the sign-in page, which leads back to a page of this site. */
export const signInHref = (next = location.pathname) => `/sign-in?next=${encodeURIComponent(ownPage(next))}`;

/** The address of the sign-up page, which leads back to a page of this site. */
export const signUpHref = (next = location.pathname) => `/sign-up?next=${encodeURIComponent(ownPage(next))}`;
