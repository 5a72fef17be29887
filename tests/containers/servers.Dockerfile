# One stand-in for the postgres and the redis image, where no registry can be reached: same commands, variables, folders.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update -qq \
    && mkdir /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql redis-server \
    && install -d -o postgres /var/lib/postgresql/data \
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
COPY initdb.sh /usr/local/bin/
USER postgres
ENV PGDATA=/var/lib/postgresql/data
CMD ["sh", "/usr/local/bin/initdb.sh"]
