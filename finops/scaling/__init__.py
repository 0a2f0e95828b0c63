"""Groups that scale: the traffic they serve, policies for it, and their replay."""
