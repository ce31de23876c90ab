#!/usr/bin/env bash
# How fast a list comes in, and how fast feeds go out beside nginx.
#
#   cargo build --release && benches/subscribers.sh [ROWS]
#
# Imports a list of ROWS people (1,000,000) in one transaction, then the same again; then serves one
# feed of 60 KB from `parution serve` and from nginx in turns, whole and as 304, to wrk with 32
# connections. Needs wrk and nginx for the second half and says so without them. Measures this
# machine as it is: on a busy one only the ratios mean anything.
set -euo pipefail
rows=${1:-1000000}
parution=$(realpath "${PARUTION:-${CARGO_TARGET_DIR:-target}/release/parution}")
place=$(mktemp -d)
service='' nginx=''
trap 'kill $service $nginx 2>/dev/null || true; wait; rm -rf "$place"' EXIT
cd "$place"
mkdir -p site/_actualites public nginx
printf 'title: Office\nurl: https://www.example.org\nlang: fr\ncollections:\n  actualites: {output: true}\n' > site/_config.yml
printf 'serve:\n  url: https://lettre.example.org/\n' > site/parution.yml

measured() { # WHAT COMMAND…: seconds, of which processor, and the largest memory
    local what=$1 said; shift
    said=$( { TIMEFORMAT='%R s, %U s of processor'; time "$@" > said.txt 2>&1 & wait $!; } 2>&1 ) || { cat said.txt; exit 1; }
    echo "$what: $said; $(tail -1 said.txt)"
}
peak() { # COMMAND…: runs it and prints its largest resident memory, from the kernel
    "$@" & local pid=$! most=0 now
    while now=$(awk '/VmHWM/ {print $2}' /proc/$pid/status 2>/dev/null) && [ -n "$now" ]; do
        most=$now; sleep 0.2
    done
    wait $pid && echo "at most $((most / 1024)) MB"
}

awk -v rows="$rows" 'BEGIN {
    print "email,name,status,language,topics"
    for (n = 1; n <= rows; n++)
        printf "reader.%d@example%d.net,Reader No. %d,%s,%s,%s\n", (n * 7919) % 15485863, n % 5000, n,
            n % 50 ? "subscribed" : "unsubscribed", n % 3 ? "fr" : "en", n % 4 ? "" : "actualites"
}' > list.csv
echo "a list of $rows rows, $(($(stat -c %s list.csv) / 1000000)) MB"
import=("$parution" --site site subscribers import list.csv --consent "a measurement")
measured "dry run" peak "${import[@]}" --dry-run
measured "import" peak "${import[@]}"
measured "the same again" peak "${import[@]}"

for tool in wrk nginx; do
    command -v $tool > /dev/null || { echo "no $tool here: feeds are not measured"; exit 0; }
done
{ echo '<?xml version="1.0"?><rss version="2.0"><channel>'
  for n in $(seq 1 200); do
      echo "<item><title>Article $n</title><description>$(printf "word$((n * 31 % 97)) %.0s" $(seq 1 34))</description></item>"
  done; echo '</channel></rss>'; } > public/feed.xml
cat > nginx/nginx.conf <<EOF
worker_processes auto; daemon off; pid $place/nginx/pid; error_log $place/nginx/error.log;
events {}
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=100;
    client_body_temp_path $place/nginx; proxy_temp_path $place/nginx; fastcgi_temp_path $place/nginx;
    uwsgi_temp_path $place/nginx; scgi_temp_path $place/nginx;
    server { listen 127.0.0.1:18026; root $place/public; }
}
EOF
chmod 755 "$place"
nginx -c "$place/nginx/nginx.conf" -p "$place/nginx" & nginx=$!
"$parution" --site site serve --listen 127.0.0.1:18025 > serve.txt & service=$!
for port in 18025 18026; do
    for _ in $(seq 1 100); do curl -sf "http://127.0.0.1:$port/feed.xml" > /dev/null && break; sleep 0.1; done
done
tag() { curl -sI "http://127.0.0.1:$1/feed.xml" | tr -d '\r' | awk 'tolower($1) == "etag:" {print $2}'; }
rate() { wrk -t1 -c32 -d4s "$@" | awk '/Requests\/sec/ {print int($2)}'; }
for turn in 1 2 3; do
    nginx_rate=$(rate http://127.0.0.1:18026/feed.xml)
    ours=$(rate http://127.0.0.1:18025/feed.xml)
    unchanged=$(rate -H "If-None-Match: $(tag 18025)" http://127.0.0.1:18025/feed.xml)
    echo "turn $turn: nginx $nginx_rate/s, parution $ours/s ($(awk "BEGIN {printf \"%.2f\", $ours / $nginx_rate}")), 304 $unchanged/s ($(awk "BEGIN {printf \"%.2f\", $unchanged / $ours}") of a 200)"
done
