"""The Siamese network: backbones, heads, weight files, the crop to pills, and the weights that the package ships."""
