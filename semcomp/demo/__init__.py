"""The demo's parts behind `app.py`: what it computes (work), says (words) and looks like (look)."""
