"""PET: the IEC body phantom, recovery, and the uniform cylinder."""
