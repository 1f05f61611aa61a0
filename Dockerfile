# The operator as one file on Node, without shell and package manager: `docker build -t mtls-rollout .`
# test/project/packaging.test.ts tries these steps in empty folders, where there is no image builder.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run bundle
# Node and the libraries that it is linked with are all that the last stage takes from here
RUN mkdir /image && cp --parents -L /usr/local/bin/node /usr/local/LICENSE $(ldd /usr/local/bin/node | grep -o '/[^ ]*') /image

FROM scratch
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /image /
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/dist ./dist
USER 65532:65532
EXPOSE 8081
# small young generation: what a round reads is garbage at once, and need not pile up first
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "/app/dist/mtls-rollout.mjs"]
