"""The Siamese network: backbones, training, calibration, and the weights that the package ships."""
