"""A visitor's pictures and the work on them: kept, bounded, gone when they leave."""
