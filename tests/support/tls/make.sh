#!/bin/sh
# Makes the certificates of the tests anew: an authority that no system knows, and three servers of
# its own. The keys guard nothing. Needs openssl 3; run it in this folder.
set -eu
here=$PWD
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt; }
touch index
cat >settings <<'END'
[ca]
default_ca = tests
[tests]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[req]
distinguished_name = req
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
END
sign() { # NAME FROM UNTIL OPTIONS…
    name=$1 from=$2 until=$3
    shift 3
    openssl req -new -key "$name.key" -config settings -subj "/CN=$name" >request
    openssl ca -batch -config settings -keyfile ca.key -in request -notext \
        -startdate "$from" -enddate "$until" "$@" >"$name.crt" 2>log || { cat log; exit 1; }
}
server() { # NAME FROM UNTIL ALTERNATIVE-NAMES
    key >"$1.key"
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$4" >extensions
    sign "$1" "$2" "$3" -cert ca.crt -extfile extensions
    cat "$1.crt" "$1.key" >"$here/$1.pem"
}
key >ca.key
sign ca 20200101000000Z 21200101000000Z -selfsign -extensions authority
cp ca.crt "$here/ca.pem"
server good 20200101000000Z 21200101000000Z DNS:localhost,IP:127.0.0.1
server other-host 20200101000000Z 21200101000000Z DNS:other.example.org
server expired 20200101000000Z 20210101000000Z DNS:localhost,IP:127.0.0.1
