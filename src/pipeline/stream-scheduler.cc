#include "pipeline/stream-scheduler.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

StreamScheduler::StreamScheduler(const Context &ctx, const Encoder &encoder,
                                 const EncodeOptions &opts, int max_batch)
    : ctx_(ctx), encoder_(encoder), opts_(opts), max_batch_(static_cast<size_t>(max_batch)) {
  CHECK(max_batch > 0);
  encoder.NewStream();
}

const StreamScheduler::Live &StreamScheduler::Find(int64_t id) const {
  const auto it = streams_.find(id);
  CHECK(it != streams_.end()) << "stream " << id << " is not open";
  return it->second;
}

int64_t StreamScheduler::Open(int32_t tag) {
  Live *live = &streams_.emplace(next_id_, Live{EncoderStream(encoder_, opts_), {}}).first->second;
  live->stream.State()->tag = tag;
  return next_id_++;
}

void StreamScheduler::IssueTickets(int64_t id, Live *live, int64_t num_windows) {
  if (live->tickets.empty() && num_windows > 0) waiting_.emplace(next_ticket_, id);
  while (static_cast<int64_t>(live->tickets.size()) < num_windows) {
    live->tickets.push_back(next_ticket_++);
  }
}

void StreamScheduler::Accept(int64_t id, ConstView feats) {
  Live &live = Find(id);
  try {
    live.stream.Accept(feats);
  } catch (const DataError &) {
    Close(id);
    throw;
  }
  IssueTickets(id, &live, live.stream.NumWaiting());
}

void StreamScheduler::Finish(int64_t id) {
  Live &live = Find(id);
  live.stream.Finish();
  IssueTickets(id, &live, std::max<int64_t>(live.stream.NumWaiting(), 1));
}

void StreamScheduler::Close(int64_t id) {
  const Live &live = Find(id);
  if (!live.tickets.empty()) waiting_.erase({live.tickets.front(), id});
  streams_.erase(id);
}

StreamBatch StreamScheduler::Step() {
  StreamBatch out;
  CachedVector<EncoderStream *> batch;  // of the items; null without a window
  for (const auto &[ticket, id] : waiting_) {
    if (out.items.size() == max_batch_) break;
    EncoderStream &stream = Find(id).stream;
    out.items.push_back({id, false, nullptr});
    batch.push_back(stream.NumWaiting() > 0 ? &stream : nullptr);
  }
  Encode(batch, &out);
  for (StreamBatch::Item &item : out.items) {
    Live &live = Find(item.id);
    waiting_.erase({live.tickets.front(), item.id});
    live.tickets.pop_front();
    item.last = item.error || (live.stream.Finished() && live.tickets.empty());
    if (item.last) {
      streams_.erase(item.id);
    } else if (!live.tickets.empty()) {
      waiting_.emplace(live.tickets.front(), item.id);
    }
  }
  return out;
}

void StreamScheduler::Encode(Span<EncoderStream *> batch, StreamBatch *out) {
  CachedVector<EncoderStream *> present;
  for (EncoderStream *stream : batch) {
    if (stream != nullptr) present.push_back(stream);
  }
  CachedVector<Tensor> parts;  // of the streams one by one
  RaggedShape shape;
  try {
    if (!present.empty()) EncodeWindows(ctx_, encoder_, opts_, present, &out->frames, &shape);
  } catch (const DataError &) {
    // One of them is at fault, and none has advanced: each alone.
    shape = RaggedShape();
    for (size_t i = 0; i < batch.size(); ++i) {
      if (batch[i] == nullptr) continue;
      parts.emplace_back();
      RaggedShape part;
      try {
        EncodeWindows(ctx_, encoder_, opts_, {batch[i]}, &parts.back(), &part);
      } catch (const DataError &) {
        out->items[i].error = std::current_exception();
      }
      shape.Append(part.TotalRows());
    }
    const int64_t cols =
        std::max_element(parts.begin(), parts.end(), [](const Tensor &a, const Tensor &b) {
          return a.Cols() < b.Cols();
        })->Cols();
    out->frames = Tensor(shape.TotalRows(), cols);
    float *next = out->frames.Data();
    for (const Tensor &part : parts) next = std::copy_n(part.Data(), part.Size(), next);
  }
  for (size_t i = 0, p = 0; i < batch.size(); ++i) {
    out->shape.Append(batch[i] == nullptr ? 0 : shape.Length(static_cast<int>(p++)));
  }
}

}  // namespace u2moe
