/** The ports that the documentation names, and those a test has for them, so that pages run beside whatever else runs. */
import type { BasePorts } from "../integration/real-cluster.ts";

/** From each base upwards. */
export const DOCUMENTED_PORTS_COUNT = 20;
const SETTINGS = [
  { name: "port", base: 5_000 },
  { name: "serverPort", base: 6_000 },
  { name: "webPort", base: 6_080 },
  { name: "redisPort", base: 6_400 },
] as const;
/** Commands that listen on the base ports unless they are told others. */
const LISTENING = /^(npm start|(?:bin\/)?dnd (?:up|start|join)\b)(?!.*--(?:config|help))/m;
const FLAGS = {
  port: "port",
  serverPort: "server-port",
  webPort: "web-port",
  redisPort: "redis-port",
};

/** The ports of the page become those of the run. */
export function toRun(text: string, ports: BasePorts): string {
  return text.replace(/(?<![\w.-])\d{4}(?![\w.-])/g, (digits) => {
    const setting = SETTINGS.find(({ base }) => isAbove(Number(digits), base));
    return setting === undefined
      ? digits
      : String(ports[setting.name] + Number(digits) - setting.base);
  });
}

/** A command as `toRun` makes it, which listens where the run has ports, also where the page leaves that to defaults. */
export function commandToRun(command: string, ports: BasePorts): string {
  const text = toRun(command, ports);
  const match = LISTENING.exec(text);
  if (match === null) return text;
  const flags = SETTINGS.map(({ name }) => ({ flag: `--${FLAGS[name]}`, port: ports[name] }))
    .filter(({ flag }) => !new RegExp(`${flag}[ =]`).test(text))
    .map(({ flag, port }) => ` ${flag}=${port}`)
    .join("");
  const end = match.index + match[0].length;
  const dashes = match[0] === "npm start" ? " --" : "";
  return `${text.slice(0, end)}${dashes}${flags}${text.slice(end)}`;
}

/** What is printed, as the page would have it: after a host, a flag, a word that says port. Other numbers may be as large. */
export function toDocument(text: string, ports: BasePorts): string {
  return text.replace(/(?<=:|-p |ports?[ =:])\d{5}(?![\w.])/gi, (digits) => {
    const setting = SETTINGS.find(({ name }) => isAbove(Number(digits), ports[name]));
    return setting === undefined
      ? digits
      : String(setting.base + Number(digits) - ports[setting.name]);
  });
}

function isAbove(port: number, base: number): boolean {
  return port >= base && port < base + DOCUMENTED_PORTS_COUNT;
}
