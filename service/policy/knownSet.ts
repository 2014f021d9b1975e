/**
 * Made by npm run contract; do not edit. The project's own policies as they were checked last, with the schema and the Cedar they were
 * checked by. A process that starts with just these need not check them again, which is most of what taking them costs.
 */
export const KNOWN_SET = "068cb7a74523679b56dce9e292d7a425ad2253577e7e1d891aff8d85a25318c5";
