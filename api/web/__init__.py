"""What browsers are served: the pages, their files, and the page that documents the API. Not in a bid's way."""
