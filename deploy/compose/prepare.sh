#!/bin/sh
# Before anything of ours starts: the database is up to date; static files, nginx's site and monitoring are there.
set -eu
python manage.py migrate --verbosity 1
python manage.py collectstatic --no-input --verbosity 0
python manage.py demoshop --quiet
python manage.py nginxconf --web web:8000 --requests-at-once 80 --http 8080 --https 8443 \
  --certificate /run/secrets/certificate --key /run/secrets/certificate-key --operators /etc/nginx/operators.conf --access-log /dev/stdout \
  > /etc/nginx/site/tillkeeper.conf
python deploy/compose/monitoring.py /etc/monitoring
