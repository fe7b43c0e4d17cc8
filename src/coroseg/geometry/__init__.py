"""From a mask to measures: centreline, lumen diameter, stenosis, calibration by the catheter."""
