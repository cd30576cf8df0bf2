"""What commands do and print on a terminal, below the command line's own parsing of options."""
