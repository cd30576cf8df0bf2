"""Load shapes: how many users there are at each moment. Each is a module, given to locust beside the locustfile."""
