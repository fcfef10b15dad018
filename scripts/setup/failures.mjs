// Turns npm's error output into the problem and its remedy.

/** @typedef {{ message: string, remedy: string }} Failure */

const minimumNode = 20;

const retry = "Then run the command again: packages that were already downloaded are kept in npm's cache.";

/** @type {{ pattern: RegExp, message: string, remedy: string }[]} The first pattern that matches decides. */
const failures = [
  {
    pattern: /\bENOSPC\b|no space left on device|\bEDQUOT\b/i,
    message: "The disk is full.",
    remedy: "Free about 2 GB (packages, npm's cache, the database) and run the command again.",
  },
  {
    pattern: /\bE40[137]\b/,
    message: "The npm registry refused the download.",
    remedy:
      "Check the registry and the credentials that npm uses: `npm config get registry`, `npm ping`. A proxy may also need a user name and password.",
  },
  {
    pattern: /_CERT_|CERT_HAS_EXPIRED|UNABLE_TO_(?:GET|VERIFY)|SELF_SIGNED|self.signed certificate/i,
    message: "The npm registry's certificate is not trusted.",
    remedy:
      "A company proxy often replaces certificates: set NODE_EXTRA_CA_CERTS to the file with its root certificate and run the command again.",
  },
  {
    pattern:
      /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ESOCKETTIMEDOUT|ENETUNREACH|ENETDOWN|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|EIDLETIMEOUT)\b|network (?:timeout|Socket)/i,
    message: "The npm registry cannot be reached.",
    remedy: `Connect this machine to the network. Behind a proxy, set HTTPS_PROXY=http://<host>:<port> (or \`npm config set https-proxy\`); \`npm ping\` shows whether the registry answers.\n${retry}`,
  },
  {
    pattern: /\b(?:EACCES|EPERM|EROFS)\b/,
    message: "npm may not write to this folder or to its cache.",
    remedy: "Make the folder and `npm config get cache` writable for your user, and run the command again.",
  },
  {
    pattern: /\bspawn\S* .*ENOENT\b|npm: (?:command )?not found/,
    message: "npm is not installed.",
    remedy: `Install Node ${minimumNode} or newer with npm: https://nodejs.org`,
  },
];

/** @param {string} output What npm wrote. @returns {Failure} */
export function explainFailure(output) {
  const { message, remedy } = failures.find(({ pattern }) => pattern.test(output)) ?? {
    message: "npm could not install the packages.",
    remedy: "npm's own message is above. Solve it and run the command again.",
  };
  return { message, remedy };
}

/** @param {string} version Node's version, such as "20.19.0". @returns {Failure | undefined} */
export function unsupportedNode(version) {
  if (Number(version.split(".")[0]) >= minimumNode) return undefined;
  return {
    message: `Node ${version} is too old: Staybase needs Node ${minimumNode} or newer.`,
    remedy: "Install a current Node from https://nodejs.org or with your version manager (`nvm install 24`).",
  };
}
