# One image with three roles, told apart by the command:
#   service/main.ts --role api      answers requests
#   service/main.ts --role worker   runs operations
#   router/main.ts                  a plane's router
# It drives AWS (TENANTRY_CLOUD=aws); the local cloud is for checkouts and is not in it.

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

# The CLI and the providers that the stacks run with, in the versions that package.json names.
FROM node:24.21.0-bookworm-slim AS pulumi
ARG PULUMI_VERSION=3.259.0
ARG PULUMI_AWS_VERSION=7.48.0
ARG TARGETARCH
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /download
RUN arch="${TARGETARCH:-amd64}" \
 && arch="${arch/amd64/x64}" \
 && archive="pulumi-v${PULUMI_VERSION}-linux-${arch}.tar.gz" \
 && curl --fail --silent --show-error --location --remote-name "https://github.com/pulumi/pulumi/releases/download/v${PULUMI_VERSION}/${archive}" \
 && curl --fail --silent --show-error --location --output checksums.txt "https://github.com/pulumi/pulumi/releases/download/v${PULUMI_VERSION}/pulumi-${PULUMI_VERSION}-checksums.txt" \
 && grep " ${archive}\$" checksums.txt | sha256sum --check - \
 && tar --extract --gzip --file "${archive}" --directory /opt
ENV PATH=/opt/pulumi:$PATH PULUMI_HOME=/opt/pulumi-home
# RDS signs with authorities of its own.
RUN pulumi plugin install resource aws "${PULUMI_AWS_VERSION}" \
 && curl --fail --silent --show-error --output /opt/rds-ca.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem

FROM node:24.21.0-bookworm-slim
# The CLI trusts the system's authorities; Node brings its own.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner=node --group=node --mode=0700 /data
WORKDIR /app
COPY --from=pulumi /opt/pulumi/pulumi /usr/local/bin/
COPY --from=pulumi --chown=node:node /opt/pulumi-home /home/node/.pulumi
COPY --from=pulumi /opt/rds-ca.pem /etc/tenantry/rds-ca.pem
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json package-lock.json ./
COPY catalog ./catalog
COPY components ./components
COPY contract ./contract
COPY launcher ./launcher
COPY policies ./policies
COPY registry ./registry
COPY router ./router
COPY service ./service
COPY stacks ./stacks
COPY toolchain ./toolchain
ENV NODE_ENV=production \
    NODE_EXTRA_CA_CERTS=/etc/tenantry/rds-ca.pem \
    NODE_OPTIONS=--disable-warning=ExperimentalWarning \
    PULUMI_HOME=/home/node/.pulumi \
    TENANTRY_CLOUD=aws \
    TENANTRY_DATA=/data \
    TENANTRY_DATABASE_CA_FILE=/etc/tenantry/rds-ca.pem
# The image's user `node`, by number so that it can be checked to be none of root's.
USER 1000:1000
EXPOSE 7070 8080
# The router is asked on its own port and path: PORT and PROBE_PATH.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["node", "service/probe.ts"]
ENTRYPOINT ["node"]
CMD ["service/main.ts"]
