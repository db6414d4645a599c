"""The blind comparison: pairs made ahead, visits that judge them, ranks from their votes."""
