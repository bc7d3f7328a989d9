# One Latchkey node. Its only writable folder is /data; with PostgreSQL it needs none.
#   docker build -t latchkey .
# The tests build no image: server/test/operating/dockerfile.test.ts runs these steps one by one.

FROM node:22-bookworm-slim AS build
# the bundled packages are listed in the SBOM, although the image holds only the bundle
ARG BUILDKIT_SBOM_SCAN_STAGE=true
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY server/package.json server/
COPY sdk/package.json sdk/
COPY testing/package.json testing/
COPY console/package.json console/
RUN npm ci --workspace latchkey --workspace @latchkey/console --ignore-scripts --no-audit --no-fund
COPY LICENSE ./
COPY server/ server/
COPY console/ console/
COPY docs/ docs/
COPY sdk/README.md sdk/
COPY testing/README.md testing/
# The image holds Bun and one folder with the bundled program, without Node and npm. The chmod is for a checkout that only
# its owner can read.
RUN mkdir bin && cp node_modules/@oven/bun-linux-*/bin/bun bin/ && bin/bun server/build.ts \
  && mkdir app && cp -R LICENSE server/dist app/ \
  && chmod -R a+rX app && chmod 755 bin/bun

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Latchkey" \
  org.opencontainers.image.description="API keys, identities and exact rate limits" \
  org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /build/bin/bun /usr/local/bin/
COPY --from=build /build/app/ ./
RUN printf '#!/bin/sh\nexec bun /app/dist/main.js "$@"\n' > /usr/local/bin/latchkey \
  && chmod 755 /usr/local/bin/latchkey \
  && mkdir -m 700 /data && chown 10001:10001 /data
USER 10001:10001
ENV HOST=0.0.0.0 \
  PORT=7070 \
  DATABASE_URL=file:/data/latchkey.db
VOLUME /data
EXPOSE 7070
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["latchkey", "health"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
