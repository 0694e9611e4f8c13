"""What the machine does at a live venue and not on paper: arming, agreeing, protecting, proving."""
