#include "pipeline/encode-options.h"

#include "base/error.h"
#include "base/log.h"
#include "model/whole-only.h"

namespace u2moe {

void EncodeOptions::Register(OptionParser *po) {
  po->Register("chunk-size", &chunk_size,
               "encoder frames per chunk: a frame sees its chunk and what is to the left; -1: the "
               "whole utterance");
  po->Register("num-left-chunks", &num_left_chunks,
               "chunks to the left that attention sees; -1: all");
  po->Register("streaming", &streaming,
               "encode chunk by chunk with caches, as a live stream does; the result is the same "
               "as under the chunk mask");
}

void EncodeOptions::Check() const {
  if (chunk_size == 0) {
    throw UsageError("--chunk-size=0: must be at least 1, or -1 for the whole utterance");
  }
}

void EncodeOptions::CheckModel(const EncoderConfig &config) const {
  if (streaming && !config.causal) {
    throw UsageError(
        "--streaming: this model's convolution looks ahead (causal=false), so it cannot stream; "
        "drop the option");
  }
  if (const std::string why = WhyWholeOnly(config); !why.empty() && (streaming || chunk_size > 0)) {
    throw UsageError(streaming ? "--streaming" : Cat("--chunk-size=", chunk_size), ": ", why,
                     "; drop the option");
  }
  if (chunk_size > 0 && !config.dynamic_chunk) {
    LOG_WARN << "--chunk-size=" << chunk_size
             << ": the model was trained on whole utterances only (dynamic-chunk=false); expect "
                "more errors";
  }
  if (chunk_size < 0 && num_left_chunks >= 0) {
    LOG_WARN << "--num-left-chunks=" << num_left_chunks
             << " has no effect: without --chunk-size every frame sees the whole utterance";
  }
}

std::string EncodeOptions::ToString() const {
  if (chunk_size < 0) {
    return streaming ? "chunk whole utterance, left chunks all, streaming"
                     : "chunk whole utterance, left chunks all";
  }
  return Cat("chunk ", chunk_size, ", left chunks ",
             num_left_chunks < 0 ? "all" : std::to_string(num_left_chunks),
             streaming ? ", streaming" : ", masked");
}

}  // namespace u2moe
