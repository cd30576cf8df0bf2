"""Admission of bidders to lots: deposits, bidding power, identity levels."""
