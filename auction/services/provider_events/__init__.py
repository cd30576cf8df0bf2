"""What the payment provider tells: every verified event is stored once, and applied, or left to a person."""
