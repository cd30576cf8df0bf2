"""What a user would write instead, or the least that could be done: what the benches measure the house against."""
