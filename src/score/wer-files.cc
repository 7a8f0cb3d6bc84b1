#include "score/wer-files.h"

#include <functional>
#include <ostream>

#include "base/error.h"
#include "score/wer-details.h"
#include "score/wer-html.h"
#include "util/io.h"

namespace u2moe {
namespace {

void WriteFile(const std::string &name, const std::function<void(std::ostream &)> &write) {
  if (name.empty()) return;
  Output out(name);
  write(out.Stream());
  out.Close();
}

}  // namespace

void WerFiles::Register(OptionParser *po) {
  po->RegisterOutput("per-utt", &per_utt,
                     "file for the alignment and counts of each utterance, as Kaldi's per_utt");
  po->RegisterOutput("ops", &ops,
                     "file for how often each word faced each other one, as Kaldi's ops");
  po->RegisterOutput("per-spk", &per_spk,
                     "file for the counts of each speaker of --utt2spk, as Kaldi's per_spk");
  po->RegisterOutput("pra", &pra,
                     "file for the alignments as `sclite -s -o pralign` prints them; equal to its "
                     "with --align=sclite");
  po->RegisterOutput("html", &html, "file for a page of the alignments in colour, worst first");
  po->RegisterOutput("json", &json, "file for all results as JSON");
}

void WerFiles::Check(bool has_speakers) const {
  if (!per_spk.empty() && !has_speakers) throw UsageError("--per-spk needs --utt2spk");
}

bool WerFiles::NeedAlignment() const {
  return !per_utt.empty() || !ops.empty() || !pra.empty() || !html.empty() || !edits.empty();
}

void WerFiles::Write(const WerReport &report,
                     const std::unordered_map<std::string, std::string> &utt2spk) const {
  const WerResult &first = *report.first;
  WriteFile(per_utt, [&](std::ostream &os) { WritePerUtterance(os, first); });
  WriteFile(ops, [&](std::ostream &os) { WriteEditOps(os, first); });
  WriteFile(per_spk, [&](std::ostream &os) { WritePerSpeaker(os, first, utt2spk); });
  WriteFile(pra, [&](std::ostream &os) {
    WritePralign(os, first, report.name, report.opts.Unit() != ScoreUnit::kWord, utt2spk);
  });
  WriteFile(html, [&](std::ostream &os) { WriteWerHtml(os, report); });
  WriteFile(json, [&](std::ostream &os) { WriteWerJson(os, report); });
  WriteFile(edits,
            [&](std::ostream &os) { WriteEdits(os, first, ParseAlignRule(report.opts.align)); });
}

}  // namespace u2moe
