"""Dice against re-identification over the settings of `hardened`, beside `reconstruct` and `task`.

  python3 bench/privacy_curve.py build/bench/bin/privacy_trial SITE_FOLDER OUT_FOLDER [key=value ...]

Runs bench/privacy_trial once for each setting (it never reads the test split), keeps every line in
OUT_FOLDER/trials.jsonl (settings that are there already are not run again), prints a table for
docs/benchmarks.md and draws OUT_FOLDER/tradeoff.svg with gnuplot where that is installed.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

SETTINGS = [
    ("paper", "reconstruct plain=1 tuning_steps=0"),
    ("adapted (task)", "task"),
    ("hardened, no adversary, 128 channels, no noise", "hardened channels=128 bits=0 noise=0 adversary=0"),
    ("hardened, adversary 1, 128 channels, no noise", "hardened channels=128 bits=0 noise=0 adversary=1"),
    ("hardened, adversary 5, 128 channels, no noise", "hardened channels=128 bits=0 noise=0 adversary=5"),
    ("hardened, default", "hardened"),
    ("hardened, adversary 5", "hardened adversary=5"),
    ("hardened, 16 channels, 3 bits, noise 1", "hardened channels=16 bits=3 noise=1"),
    ("hardened, 64 channels, 6 bits, noise 0.25", "hardened channels=64 bits=6 noise=0.25"),
]


def at_sixteen(line):
    """Share of slices recognised from 16 leaked pairs, from the indicator's own words."""
    found = re.search(r"16 pairs (\d+) %", line["plain"]["known-plaintext-pairs"])
    return int(found.group(1)) / 100 if found else None


def by_surrogate(line):
    found = re.search(r"([\d.]+) % of slices recognised", line["plain"]["surrogate-decoder"])
    return float(found.group(1)) / 100 if found else None


def main():
    program, site, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    common = sys.argv[4:]
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "trials.jsonl"
    done = {}
    if kept.exists():
        for text in kept.read_text().splitlines():
            entry = json.loads(text)
            done[entry["setting"]] = entry
    for name, setting in SETTINGS:
        key = " ".join([setting, *common])
        if key in done:
            continue
        ran = subprocess.run([program, site, *setting.split(), *common], capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(ran.stderr)
        entry = {"setting": key, "name": name, **json.loads(ran.stdout)}
        done[key] = entry
        with kept.open("a") as file:
            file.write(json.dumps(entry) + "\n")
    rows = [done[" ".join([setting, *common])] for _, setting in SETTINGS]
    print("| encoder | Dice LV MYO RV (mean) | top-1, best attack | surrogate | 16 pairs | channel | own decoder |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        dice = " ".join(f"{value:.3f}" for value in row["dice"])
        print(f"| {row['name']} | {dice} ({row['mean_dice']:.3f}) | {row['re-identification']:.1%} | "
              f"{by_surrogate(row):.1%} | {at_sixteen(row):.0%} | {row['channel-correlation']:.2f} | "
              f"{row['own_decoder']:.0%} |")
    if shutil.which("gnuplot") is None:
        return
    points = "\n".join(f"{100 * row['re-identification']:.2f} {row['mean_dice']:.4f} \"{row['name']}\"" for row in rows)
    script = f"""set terminal svg size 760,460 font 'sans-serif,12'
set output '{out / 'tradeoff.svg'}'
set xlabel 'held-out slices re-identified by the best attack [%]'
set ylabel 'mean Dice of new patients'
set xrange [-2:*]
set grid
unset key
$points << EOD
{points}
EOD
plot $points using 1:2 with points pointtype 7 pointsize 1.2 linecolor rgb '#1f6f8b', \\
     $points using 1:2:3 with labels offset 1,0.6 left font ',9' noenhanced
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


if __name__ == "__main__":
    main()
