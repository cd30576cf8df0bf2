"""The people of a load test, for `loadtests/locustfile.py`."""
