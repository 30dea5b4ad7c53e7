/** Path in the data directory of what names the version that runs; absent on a node that was never upgraded. */
export const POINTER_FILE = "versions/pointer.json";
