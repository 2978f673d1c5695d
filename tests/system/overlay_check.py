"""Opens the predictions of a demo with nibabel, a NIfTI reader that is not ours, and checks that each lies on its image:
overlay_check.py DEMO-OUT DATA. Exit 0: every one does, 1: not, 77: nibabel is not installed."""
import glob
import os
import sys

try:
    import nibabel
    import numpy
except ImportError:
    sys.exit(77)

out, data = sys.argv[1:3]
images = {os.path.basename(path)[: -len("_0000.nii.gz")]: path for path in glob.glob(data + "/*/imagesTs/*_0000.nii.gz")}
checked = 0
problems = []
for path in sorted(glob.glob(out + "/predictions/*.nii.gz")):
    name = os.path.basename(path)[: -len(".nii.gz")]
    case = next((key for key in images if name.endswith("-" + key)), None)
    if case is None:
        continue
    site = name[: -len(case) - 1]
    image = nibabel.load(os.path.join(data, site, "imagesTs", case + "_0000.nii.gz"))
    mask = nibabel.load(path)
    labels = numpy.asarray(mask.dataobj)
    if mask.shape != image.shape:
        problems.append(f"{name}: shape {mask.shape}, image {image.shape}")
    if not numpy.allclose(mask.affine, image.affine, atol=1e-3):
        problems.append(f"{name}: it does not lie where its image lies")
    # A quaternion of 32-bit numbers near a half turn is good to a few ten-thousandths.
    for get, within in (("get_qform", 2e-3), ("get_sform", 1e-4)):
        if not numpy.allclose(getattr(mask, get)(), mask.affine, atol=within):
            problems.append(f"{name}: {get} disagrees")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 3:
        problems.append(f"{name}: labels {labels.dtype} {labels.min()} to {labels.max()}")
    checked += 1
print(f"{checked} predictions opened with nibabel {nibabel.__version__}")
print("\n".join(problems))
sys.exit(1 if problems or checked == 0 else 0)
