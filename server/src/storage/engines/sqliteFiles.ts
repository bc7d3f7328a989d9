import { constants, type Database } from "bun:sqlite";

/**
 * Makes reads possible when the disk is full. Sorting uses memory instead of temporary files. The write-ahead log and
 * its index stay on disk when the database is closed: creating them at the next start would need space.
 */
export function allowReadsOnFullDisk(connection: Database): void {
  connection.run("pragma temp_store = memory");
  connection.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
}
