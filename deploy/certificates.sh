#!/bin/sh
# Make certificates, a callers file and a password to try the service with: deploy/certificates.sh FOLDER
# For trials only: in production certificates come from the City's own authority.
set -eu
folder=${1:?usage: deploy/certificates.sh FOLDER}
umask 077
mkdir -p "$folder"
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Trial authority" \
  -keyout ca-key.pem -out ca.pem 2>/dev/null
for name in server payroll; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$name-key.pem" -out "$name.csr" 2>/dev/null
  names="DNS:$name"
  [ "$name" = server ] && names="DNS:localhost,DNS:screening,IP:127.0.0.1"
  printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$names" > "$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 \
    -extfile "$name.ext" -out "$name.pem" 2>/dev/null
  rm "$name.csr" "$name.ext"
done
cat > callers.yaml <<'CALLERS'
callers:
  - name: payroll
    identities: ["dns:payroll"]
    rpcs: [ScreenEmployment, BatchScreenEmployment, StreamScreenEmployment]
    packs: [la_city]
CALLERS
openssl rand -hex 16 > grafana-password
chmod 444 server.pem server-key.pem ca.pem callers.yaml grafana-password # read by the containers' own users
