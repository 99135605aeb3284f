"""Centre of rotation and detector alignment."""
