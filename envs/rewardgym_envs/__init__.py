"""The Gymnasium environments of rewardgym, one file each; ``import rewardgym`` registers them."""
