// Which packages of package-lock.json are needed and present, and the npm command that installs the rest.

/**
 * @typedef {{ version?: string, dev?: boolean, devOptional?: boolean, optional?: boolean, peer?: boolean, os?: string[], cpu?: string[] }} LockedPackage
 * @typedef {Record<string, LockedPackage>} Lock The `packages` of a lockfile, by their path; "" is the project.
 */

/**
 * The paths of the packages that this machine needs, without development packages unless `withDev`.
 *
 * @param {Lock} wanted @param {boolean} withDev @returns {string[]}
 */
export function neededPaths(wanted, withDev) {
  return Object.keys(wanted).filter((path) => {
    const { dev, devOptional, peer, os, cpu } = wanted[path] ?? {};
    const fits = (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true);
    return path !== "" && fits && (withDev || !(dev || devOptional || peer));
  });
}

/**
 * Whether nothing is missing and every present package has the locked version. An optional package may be missing: npm leaves
 * out those that do not fit the machine, for reasons that only npm knows.
 *
 * @param {Lock} wanted @param {Lock} present @param {boolean} withDev
 */
export function isComplete(wanted, present, withDev) {
  const missing = neededPaths(wanted, withDev).filter(
    (path) => present[path] === undefined && !wanted[path]?.optional,
  );
  const outdated = Object.keys(present).filter(
    (path) => wanted[path] !== undefined && wanted[path]?.version !== present[path]?.version,
  );
  return missing.length === 0 && outdated.length === 0;
}

/**
 * Whether development packages are present, which an update must keep.
 *
 * @param {Lock} wanted @param {Lock} present
 */
export function hasDevPackages(wanted, present) {
  return Object.keys(present).some((path) => wanted[path]?.dev === true);
}

/**
 * npm's arguments. `npm ci` would delete node_modules under a running stack, so this adds to it and leaves the lockfile alone.
 *
 * @param {boolean} withDev @returns {string[]}
 */
export function npmArguments(withDev) {
  return [
    ...["install", "--no-save", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"],
    // A cached package saves a download, and a registry that does not answer is reported within seconds.
    ...[
      "--prefer-offline",
      "--fetch-retries=3",
      "--fetch-retry-mintimeout=500",
      "--fetch-retry-maxtimeout=3000",
    ],
    ...(withDev ? ["--include=dev", "--include=peer"] : ["--omit=dev", "--omit=peer"]),
  ];
}
