# The gateway alone, for production; docker-compose.yml is the local environment. Named as both `docker build .` and
# `podman build .` find it. Debian's slim image and not Alpine's: Node has no official builds for musl, and the tests run on
# glibc. The tag names one version, a digest names one image: where a build must be the same years later, use
# node:24.21.0-slim@sha256:… as your registry shows it.
FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24.21.0-slim
ENV NODE_ENV=production HEADGATE_HOST=0.0.0.0
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
# Without src/dev and src/sdk: .dockerignore leaves them out.
COPY src src
# A number, so that Kubernetes can see that it is not root; nobody has to have a name or a home.
USER 65532:65532
EXPOSE 8787
STOPSIGNAL SIGTERM
# Whether the process runs. That Keycloak or the store is away is no reason to start it anew: /readyz is for load balancers.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.HEADGATE_PORT || 8787) + '/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself refuses to write files, to start programs and to load native code, in case a package ever tries.
ENTRYPOINT ["node", "--permission", "--allow-fs-read=*", "src/main.ts"]
CMD ["start"]
