#!/bin/sh
# What the service is made of: deploy/supply_chain.sh BIN FOLDER
# Writes sbom.json (CycloneDX), licences.md and audit.txt. The audit says "not audited" where the advisory service cannot
# be reached or does not know a package; it says "clean" only if every package was looked up and nothing was found.
set -eu
bin=$1
folder=$2
mkdir -p "$folder"
"$bin/cyclonedx-py" requirements requirements/runtime.txt --pyproject pyproject.toml --output-reproducible \
  --output-file "$folder/sbom.json"
"$bin/pip-licenses" --format markdown --with-urls --ignore-packages screening screening-client \
  --packages $(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' requirements/runtime.txt) > "$folder/licences.md"
if "$bin/pip-audit" --strict --requirement requirements/runtime.txt --require-hashes --disable-pip \
  > "$folder/audit.txt" 2>&1; then
  echo "audit: clean"
elif grep -q "^Found [0-9]* known vulnerabilit" "$folder/audit.txt"; then
  cat "$folder/audit.txt"
  exit 1
else
  echo "audit: not audited (the advisory service did not answer for every package; see $folder/audit.txt)"
fi
echo "bill of materials, licences and audit are in $folder"
