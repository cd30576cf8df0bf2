"""The demonstration: a seeded sale, bots that bid over HTTP, and a live table of lots."""
