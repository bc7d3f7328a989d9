# One Latchkey node. Its only writable folder is /data; where DATABASE_URL names PostgreSQL it needs none.
#   docker build -t latchkey .
# Its tests build no image: server/test/operating/dockerfile.test.ts takes these steps one by one.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY server/package.json server/
COPY sdk/package.json sdk/
RUN npm ci --workspace latchkey --omit=dev --no-audit --no-fund
COPY LICENSE server/package.json app/
COPY server/src/ app/src/
# What runs is Bun and a few packages: neither Node nor npm go with it. Whoever built this may keep files to himself.
RUN mkdir bin && cp -L node_modules/bun/bin/bun.exe bin/bun \
  && rm -rf node_modules/.bin node_modules/bun node_modules/@oven node_modules/latchkey \
  && cp -R node_modules app/ \
  && chmod -R a+rX app && chmod 755 bin/bun

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Latchkey" \
  org.opencontainers.image.description="API keys, identities and exact rate limits" \
  org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /build/bin/bun /usr/local/bin/
COPY --from=build /build/app/ ./
RUN printf '#!/bin/sh\nexec bun /app/src/main.ts "$@"\n' > /usr/local/bin/latchkey \
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
