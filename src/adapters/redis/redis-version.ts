/** The Redis whose words, formats and limits this door has, as clients ask for it before they use what it offers. */
export const REDIS_VERSION = "7.0.15";
