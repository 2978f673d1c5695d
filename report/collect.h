// The facts of a study, folded from its records: whoever can read the ledger can make the same
// report. What the ledger does not hold (curves, wall time by stage, pictures) the caller adds.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "provenance/ledger_reader.h"
#include "provenance/note.h"
#include "report/report.h"

namespace cloister::report {

// `checkpoint` is the signed head that `ledger` was checked against. "report.no_study" if no record
// opens the study.
[[nodiscard]] Result<Report> collect(const provenance::LedgerReader& ledger,
                                     const provenance::Note& checkpoint, const StudyId& study);

}  // namespace cloister::report
