"""From frames to a `Segmentation`: probability, mask, contours and quality flags."""
