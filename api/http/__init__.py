"""The HTTP server and what all its routes share: middleware, problems, sign-in, limits of bodies, metrics."""
