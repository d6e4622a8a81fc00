"""The modules of Lambda layers: the functions of users import each by its bare name."""
