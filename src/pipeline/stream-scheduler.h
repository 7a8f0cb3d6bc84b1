// Live streams that advance together: one step encodes a window of each of the streams that have
// waited longest, in one ragged batch, so that the weights are read once for all of them.
#ifndef U2MOE_PIPELINE_STREAM_SCHEDULER_H_
#define U2MOE_PIPELINE_STREAM_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "pipeline/encoder-stream.h"
#include "tensor/allocator.h"

namespace u2moe {

// What one step made.
struct StreamBatch {
  struct Item {
    int64_t id;                // of the stream
    bool last = false;         // nothing follows: the stream is closed
    std::exception_ptr error;  // a DataError of this stream alone, which has then no rows
  };
  CachedVector<Item> items;
  Tensor frames;      // [sum, D], encoder output of all items, e.g. for one CTC head over all
  RaggedShape shape;  // the rows of each item
  ConstView Rows(size_t item) const {
    return shape.Rows<const float>(frames.View(), static_cast<int>(item));
  }
};

// Streams are opened, fed, finished and closed at any time between steps. A step takes one window
// per stream, the one that was complete first before others (all have chunks of one length, so that
// is the one with the earliest deadline), at most max_batch: with n streams waiting, none waits for
// more than n / max_batch steps. Every stream gets the frames it would get alone. Not for several
// threads at once: a thread has a scheduler of its own.
class StreamScheduler {
 public:
  // encoder must outlive the scheduler. Throws DataError if it cannot stream.
  StreamScheduler(const Context &ctx, const Encoder &encoder, const EncodeOptions &opts,
                  int max_batch);

  // A new stream's id; ids are not used again. tag: SequenceFacts::tag.
  int64_t Open(int32_t tag = -1);
  // feats [n, F] before CMVN. Throws DataError for a value that is not finite and a wrong F; the
  // stream is then closed, the others are not concerned.
  void Accept(int64_t id, ConstView feats);
  // No more frames. The step that takes the last window says so in Item::last; where none is left
  // there is one more item without rows.
  void Finish(int64_t id);
  // Forgets the stream and what it waits for.
  void Close(int64_t id);

  int64_t NumStreams() const { return static_cast<int64_t>(streams_.size()); }  // not closed
  int64_t NumWaiting() const { return static_cast<int64_t>(waiting_.size()); }  // with a window
  bool Waiting(int64_t id) const { return !Find(id).tickets.empty(); }
  int64_t FramesToNextWindow(int64_t id) const { return Find(id).stream.FramesToNextWindow(); }

  // One step; no items if nothing waits.
  StreamBatch Step();

 private:
  struct Live {
    EncoderStream stream;
    // When the windows that wait were complete, as places in one order of all.
    std::deque<int64_t, CachingAllocator<int64_t>> tickets;
  };

  const Live &Find(int64_t id) const;
  Live &Find(int64_t id) { return const_cast<Live &>(std::as_const(*this).Find(id)); }
  void IssueTickets(int64_t id, Live *live, int64_t num_windows);
  void Encode(Span<EncoderStream *> batch, StreamBatch *out);

  Context ctx_;
  const Encoder &encoder_;
  EncodeOptions opts_;
  size_t max_batch_;
  std::map<int64_t, Live, std::less<>, CachingAllocator<std::pair<const int64_t, Live>>> streams_;
  using Ticket = std::pair<int64_t, int64_t>;
  std::set<Ticket, std::less<>, CachingAllocator<Ticket>>
      waiting_;  // first ticket of a stream, its id
  int64_t next_id_ = 0, next_ticket_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_STREAM_SCHEDULER_H_
