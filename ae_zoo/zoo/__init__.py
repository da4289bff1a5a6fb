"""What exists (`manifest`), and how it is loaded, verified and saved."""
