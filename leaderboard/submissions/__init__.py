"""What researchers send: read within bounds, checked, and explained problem by problem.

`inspection.inspect` takes a file and the method's description, and gives what the board may store;
whatever is wrong comes back at once, as `leaderboard.data.problems.Rejected`. Nothing here runs
what it is sent, and no pixel is decoded: pictures are scored elsewhere, in processes that may fail.
"""
