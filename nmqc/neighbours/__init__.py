"""Other programs that results go to, or are compared with: QuAAC, QATrack+, a vendor's own numbers."""
