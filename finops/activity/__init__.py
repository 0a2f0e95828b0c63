"""Use over time: which days show work, in which hours, and by which runs."""
