"""`auction demo`: servers of its own, a sale of four lots, bots that bid over HTTP, a live table, a verified result."""
