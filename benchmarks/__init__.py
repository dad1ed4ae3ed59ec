"""What Hilo costs, as ratios against the bare engines within one run."""
